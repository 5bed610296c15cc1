// Checks a picture on the device in Firefox, with and then without the server: node firefox_offline.mjs
// EXECUTABLE ADDRESS PICTURE. Prints a line of JSON for each; between them the caller stops the server
// and sends a line.
import { once } from "node:events";

import { choose, click, launch, opened, text } from "./firefox_visitor.mjs";

const [executable, address, picture] = process.argv.slice(2);
const browser = await launch(executable);

async function check() {
  const page = await opened(browser, `${address}/`);
  await choose(page, picture);
  await page.waitForSelector("#device-check:not([hidden])");
  await click(page, "#device-check");
  await page.waitForSelector("body[data-state=result]");
  const seen = { advice: await text(page, "#result .ll-advice"), result: await page.$eval("#result", (element) => element.textContent) };
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await page.close();
  console.log(JSON.stringify(seen));
}

try {
  await check();
  await once(process.stdin, "data");
  await check();
} finally {
  await browser.close();
  process.stdin.destroy();
}
