/** Entry point of the page for visitors without a dermatoscope. */

import * as doctors from "./doctors.js";
import * as header from "./header.js";

await header.start().catch(() => {}); // the English words stand in the page
await doctors.start();
