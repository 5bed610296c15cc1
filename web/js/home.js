/** The first page, started: listening first, then the language, then the rest. */

import * as check from "./check.js";
import * as diseases from "./diseases.js";
import * as doctors from "./doctors.js";
import { byId } from "./dom.js";
import * as header from "./header.js";

check.start();
diseases.start();
byId("address").textContent = new URL("v1/classify", location.href).href;
try {
  await header.start();
  check.ready();
} catch {
  // The page keeps its English words and says that it is not ready; nothing can be sent.
}
await doctors.start();
