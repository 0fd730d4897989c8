/** Horizontal bars with a name on the left and a figure on the right; widths in the units of the view box. */
const width = 360;
const rowHeight = 22;
const nameWidth = 84;
const figureWidth = 74;
const barHeight = 10;

export interface BarChart {
  title: string;
  /** The figures in words, for who does not see the bars. */
  description: string;
  width: number;
  height: number;
  bars: Array<{ name: string; figure: string; x: number; y: number; width: number; height: number; textY: number }>;
}

/** Null where nothing is above zero. */
export function drawBars(
  title: string,
  rows: ReadonlyArray<{ name: string; value: number }>,
  format: (value: number) => string,
): BarChart | null {
  const shown = rows.filter(({ value }) => Number.isFinite(value) && value > 0).slice(0, 12);
  const largest = Math.max(...shown.map(({ value }) => value));
  if (shown.length === 0) return null;
  const room = width - nameWidth - figureWidth;
  return {
    title,
    description: shown.map(({ name, value }) => `${name} ${format(value)}`).join(", "),
    width,
    height: shown.length * rowHeight,
    bars: shown.map(({ name, value }, index) => ({
      name: name.length > 14 ? `${name.slice(0, 13).toWellFormed()}…` : name,
      figure: format(value),
      x: nameWidth,
      y: index * rowHeight + (rowHeight - barHeight) / 2,
      width: Math.max(1, Math.round((value / largest) * room * 10) / 10),
      height: barHeight,
      textY: index * rowHeight + rowHeight / 2 + 4,
    })),
  };
}
