/** Figures and times as a person reads them; the same on every machine. */

export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "unknown";
  if (seconds < 0.0005) return "0 s";
  if (seconds < 9.95) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds) % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** US dollars. */
export function formatDollars(dollars: number): string {
  if (!Number.isFinite(dollars)) return "unknown";
  if (dollars === 0) return "$0";
  return dollars < 0.01 ? `$${Number(dollars.toPrecision(2))}` : `$${dollars.toFixed(2)}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 999_500) return `${Number((bytes / 1e3).toPrecision(3))} kB`;
  return `${Number((bytes / 1e6).toPrecision(3))} MB`;
}

export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** An ISO time as a day and a time in UTC; what is no time stays as it is. */
export function formatDate(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const day = `${time.getUTCDate()} ${months[time.getUTCMonth()]} ${time.getUTCFullYear()}`;
  return `${day}, ${time.toISOString().slice(11, 16)} UTC`;
}

const months = "January February March April May June July August September October November December".split(" ");

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export interface CutText {
  text: string;
  /** What was left out, as a sentence; null where nothing was. */
  note: string | null;
}

/** Head and tail of a long text, with a line between them that says how much is missing. */
export function cutText(text: string, longest: number): CutText {
  if (text.length <= longest) return { text, note: null };
  const head = text.slice(0, Math.ceil(longest / 2)).toWellFormed();
  const tail = text.slice(text.length - Math.floor(longest / 2)).toWellFormed();
  const left = formatCount(text.length - longest);
  return {
    text: `${head}\n[… ${left} characters left out …]\n${tail}`,
    note: `Cut: ${left} of ${formatCount(text.length)} characters are left out.`,
  };
}
