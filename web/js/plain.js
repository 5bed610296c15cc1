/** A page without parts of its own, such as the one for an address that does not exist. */

import { start } from "./header.js";

await start();
