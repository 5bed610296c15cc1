// Actions of a visitor in Firefox, for the other scripts in this folder.
import puppeteer from "puppeteer-core";

export const complaints = [];

export const launch = (executablePath) => puppeteer.launch({ browser: "firefox", executablePath, headless: true });

/** A page of the site whose texts have been loaded. */
export async function opened(browser, address) {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(address);
  await page.waitForSelector("[hreflang][aria-current]");
  return page;
}

export const text = (page, selector) => page.$eval(selector, (element) => element.innerText);
// Firefox's WebDriver BiDi sends no mouse clicks here; element.click() has the same effect.
export const click = (page, selector) => page.$eval(selector, (element) => element.click());

export async function choose(page, picture) {
  await click(page, "#yes");
  await (await page.waitForSelector("#image")).uploadFile(picture);
  await page.waitForSelector("body[data-state=chosen]");
}
