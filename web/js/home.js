/** Entry point of the first page. Listeners are registered first, then the texts are loaded. */

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
  // The page keeps its English text and says that it is not ready; sending stays disabled.
}
await doctors.start();
