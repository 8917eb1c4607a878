import { Board } from './board.js';
import { InstanceProcess } from './instance-process.js';
import { deedOf, type LogLine } from './log-line.js';

const troubles = new Set(['warn', 'error', 'fatal']);

/** The instances of the shop, from their start to their end, and the board that shows what they do. */
export class Fleet {
  private readonly board: Board;
  private readonly instances: Set<InstanceProcess>;
  private state: 'starting' | 'open' | 'stopping' = 'starting';

  constructor(ports: number[], databaseUrl: string) {
    const columns = ports.map((port, index) => ({ name: `shop-${index + 1}`, port }));
    this.board = new Board(columns);
    this.instances = new Set(
      columns.map(
        ({ name, port }) =>
          new InstanceProcess(name, port, databaseUrl, (line) => {
            this.show(name, line);
          }),
      ),
    );
  }

  /** The instances that have not ended. */
  get running(): InstanceProcess[] {
    return [...this.instances];
  }

  async ready(): Promise<void> {
    await Promise.all(this.running.map((instance) => instance.ready()));
  }

  /** From now on the board shows what the instances do. Resolves when the last of them has ended. */
  async open(): Promise<void> {
    this.state = 'open';
    await Promise.all(this.running.map((instance) => this.watch(instance)));
  }

  /** When this has resolved, no process of the fleet is left. */
  async stop(): Promise<void> {
    this.state = 'stopping';
    await Promise.all(this.running.map((instance) => instance.stop()));
    this.board.close();
  }

  private async watch(instance: InstanceProcess): Promise<void> {
    await instance.gone();
    this.instances.delete(instance);
    if (this.state === 'stopping') return;
    this.board.leave(instance.name);
    this.board.note(`${instance.name} (pid ${instance.pid}) is gone: ${instance.ending}`);
  }

  private show(name: string, line: LogLine): void {
    const deed = deedOf(line);
    if (deed && this.state !== 'starting') this.board.show(name, deed);
    else if (troubles.has(line.level)) this.board.note(`${name}: ${line.message}`);
  }
}
