interface Problem {
  readonly text: string;
}

// The lines above leave nothing in what runs.
function fail({ text }: Problem): void {
  process.send?.({ stack: new Error(text).stack });
}

fail({ text: 'one line\nand another' });
