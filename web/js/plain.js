/** Entry point of pages with no more than the header, such as 404.html. */

import { start } from "./header.js";

await start();
