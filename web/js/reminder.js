/** A calendar entry to look at the lesion again, offered where nothing was flagged. Source: RFC 5545. */

import { download } from "./download.js";
import { date, text } from "./text.js";

const MONTHS = 1;
const LINE = 74; // bytes of a line, at most, before it is folded

export function remind() {
  download(calendar(new Date()), "text/calendar;charset=utf-8", "lesionlens.ics");
}

/** @param {Date} today @returns {string} an all-day event a month later, with an alarm in the morning */
export function calendar(today) {
  const day = new Date(today.getFullYear(), today.getMonth() + MONTHS, today.getDate());
  const next = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1);
  const lines = [
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//LesionLens//Reminder//EN", "BEGIN:VEVENT",
    `UID:${crypto.randomUUID()}@lesionlens`, `DTSTAMP:${today.toISOString().replace(/[-:]|\.\d+/g, "")}`,
    `DTSTART;VALUE=DATE:${digits(day)}`, `DTEND;VALUE=DATE:${digits(next)}`,
    `SUMMARY:${escaped(text("reminder.title"))}`,
    `DESCRIPTION:${escaped(text("reminder.text", { date: date(today) }))}`,
    "BEGIN:VALARM", "ACTION:DISPLAY", `DESCRIPTION:${escaped(text("reminder.title"))}`, "TRIGGER:PT9H", "END:VALARM",
    "END:VEVENT", "END:VCALENDAR"];
  return lines.map(folded).join("\r\n") + "\r\n";
}

const digits = (day) =>
  [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("");

const escaped = (words) => words.replace(/[\\;,]/g, "\\$&").replace(/\n/g, "\\n");

/** Fold a long line between characters; continuation lines begin with a space (RFC 5545, 3.1). */
function folded(line) {
  const encoder = new TextEncoder();
  const parts = [""];
  let bytes = 0;
  for (const character of line) {
    const more = encoder.encode(character).length;
    if (bytes + more > LINE) {
      parts.push("");
      bytes = 1;
    }
    parts[parts.length - 1] += character;
    bytes += more;
  }
  return parts.join("\r\n ");
}
