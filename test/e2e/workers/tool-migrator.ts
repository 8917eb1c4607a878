import { runMigrationsExclusively } from '../../../lib/index.js';

interface Tool {
  migrate(url: string, count: number): Promise<void>;
}

/** Runs the migrations of a tool at each message, as an instance of a fleet does when it starts. */
export interface ToolOrder {
  readonly tool: string;
  readonly url: string;
  readonly steps: number;
}

export interface ToolOutcome {
  readonly type: 'ready' | 'done';
  readonly error?: string;
}

process.on('message', ({ tool, url, steps }: ToolOrder) => {
  void migrate(tool, url, steps).then((outcome) => process.send?.(outcome));
});
process.send?.({ type: 'ready' } satisfies ToolOutcome);

async function migrate(name: string, url: string, steps: number): Promise<ToolOutcome> {
  const tool = (await import(`../../migrators/tools/${name}.mjs`)) as Tool;
  try {
    await runMigrationsExclusively(() => tool.migrate(url, steps), { postgres: url });
    return { type: 'done' };
  } catch (error) {
    return { type: 'done', error: String(error) };
  }
}
