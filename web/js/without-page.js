/** The page for those without a dermatoscope. */

import * as doctors from "./doctors.js";
import * as header from "./header.js";

await header.start().catch(() => {}); // the English words stand in the page
await doctors.start();
