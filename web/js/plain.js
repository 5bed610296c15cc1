/** Entry point of pages with no more than the header, such as the one for an address that does not exist. */

import { start } from "./header.js";

await start();
