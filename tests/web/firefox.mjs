// A visitor's way in Firefox: node firefox.mjs EXECUTABLE ADDRESS PICTURE; prints what was seen, as JSON.
import puppeteer from "puppeteer-core";

const [executablePath, address, picture] = process.argv.slice(2);
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
const complaints = [];

/** A page of the site whose texts have come. */
async function opened(path) {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(address + path);
  await page.waitForSelector("[hreflang][aria-current]");
  return page;
}

const text = (page, selector) => page.$eval(selector, (element) => element.innerText);
// Firefox's WebDriver BiDi sends no mouse clicks here; the element's own click is the same to the page.
const click = (page, selector) => page.$eval(selector, (element) => element.click());

async function journey(language) {
  const page = await opened(`/?lang=${language}`);
  await click(page, "#yes");
  await (await page.waitForSelector("#image")).uploadFile(picture);
  await page.waitForSelector("body[data-state=chosen]");
  const preview = await text(page, "#preview-text");
  await click(page, "#consent");
  await click(page, "#send");
  await page.waitForSelector("body[data-state=result]");
  const seen = {
    preview,
    language: await page.$eval("html", (element) => element.lang),
    advice: await text(page, "#result .ll-advice"),
    chance: await text(page, ".ll-chance"),
    classes: await page.$$eval("#result .ll-chart li", (entries) => entries.length),
    overflow: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
  };
  await page.close();
  return seen;
}

async function read(path, selector) {
  const page = await opened(path);
  await page.waitForSelector(selector);
  const seen = await text(page, "main");
  await page.close();
  return seen;
}

try {
  const journeys = {};
  for (const language of ["en", "hi", "mr"]) journeys[language] = await journey(language);
  const pages = {
    without: await read("/without.html", "#countries details"),
    model: await read("/model.html", "#numbers .ll-matrix"),
  };
  console.log(JSON.stringify({ journeys, pages, complaints }));
} finally {
  await browser.close();
}
