// A visit in Firefox: node firefox.mjs EXECUTABLE ADDRESS PICTURE; prints the observations as JSON.
import { choose, click, complaints, launch, opened, text } from "./firefox_visitor.mjs";

const [executable, address, picture] = process.argv.slice(2);
const browser = await launch(executable);

async function journey(language) {
  const page = await opened(browser, `${address}/?lang=${language}`);
  await choose(page, picture);
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
  const page = await opened(browser, address + path);
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
