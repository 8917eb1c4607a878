export function printRow(title: string, cells: string[]): void {
  console.log(`  ${title.padEnd(24)}${cells.map((cell) => cell.padStart(14)).join('')}`);
}

export function formatCount(count: number | undefined): string {
  return count === undefined ? '–' : Math.round(count).toLocaleString('en');
}

export function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '–' : `${ratio.toFixed(ratio < 10 ? 1 : 0)} ×`;
}
