import { setTimeout as delay } from 'node:timers/promises';
import { Board } from './board.js';
import { InstanceProcess } from './instance-process.js';
import { LeaderWatch } from './leader-watch.js';
import { deedOf, leadershipOf, type LogLine } from './log-line.js';

const troubles = new Set(['warn', 'error', 'fatal']);
/** No instance leads here while another fleet on the same database has the leadership. */
const leaderLimitMs = 2_000;
const leaderCheckMs = 20;

/** The instances of the shop, from their start to their end, and the board that shows what they do. */
export class Fleet {
  private readonly board: Board;
  private readonly leaders = new LeaderWatch();
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

  get leader(): InstanceProcess | undefined {
    return this.running.find(({ name }) => name === this.leaders.leader);
  }

  /** Resolves when all instances serve requests, and one of them leads. */
  async ready(): Promise<void> {
    await Promise.all(this.running.map((instance) => instance.ready()));
    const deadline = performance.now() + leaderLimitMs;
    while (!this.leader && performance.now() < deadline) await delay(leaderCheckMs);
  }

  /** Shows what the instances do on the board. Resolves when the last of them has ended. */
  async open(): Promise<void> {
    this.state = 'open';
    await Promise.all(this.running.map((instance) => this.watch(instance)));
  }

  /** A line between the rows of the board. */
  note(text: string): void {
    this.board.note(text);
  }

  /** Resolves when no process of the fleet is left. */
  async stop(): Promise<void> {
    this.state = 'stopping';
    await Promise.all(this.running.map((instance) => instance.stop()));
    this.board.close();
  }

  private async watch(instance: InstanceProcess): Promise<void> {
    await instance.gone();
    this.instances.delete(instance);
    this.leaders.ends(instance.name, 'was gone');
    if (this.state === 'stopping') return;
    this.board.leave(instance.name);
    this.board.note(`${instance.name} (pid ${instance.pid}) is gone: ${instance.ending}`);
  }

  private async welcome(leader: string): Promise<void> {
    const isIntroduced = this.state === 'starting';
    const news = await this.leaders.begins(leader);
    if (!isIntroduced && this.state === 'open') this.board.note(news);
  }

  private show(name: string, line: LogLine): void {
    const leadership = leadershipOf(line);
    if (leadership === 'begins') void this.welcome(name);
    if (leadership === 'ends') this.leaders.ends(name, 'stopped leading');
    const deed = deedOf(line);
    if (deed && this.state !== 'starting') this.board.show(name, deed);
    else if (troubles.has(line.level) && !isRefusalAtTheEnd(line))
      this.board.note(`${name}: ${line.message}`);
  }
}

/** An instance that shuts down refuses the calls that wait for a lock, as it should. */
function isRefusalAtTheEnd({ message }: LogLine): boolean {
  return message.includes('the application is shutting down');
}
