import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { DashboardLeases } from '../../../lib/dashboard/server/dashboard-leases.js';
import type {
  ControlRequest,
  JobDetails,
  JobQuery,
  PauseRequest,
  RunResult,
} from '../../../lib/dashboard/server/job-details.js';
import type {
  DashboardSnapshot,
  TerminateResult,
  TerminateRequest,
} from '../../../lib/dashboard/server/dashboard-snapshot.js';
import { leases } from './snapshots.js';

const pageDirectory = new URL('../../../lib/dashboard/page/', import.meta.url);
const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};

/** Nothing but the page's own files: what it may load when an application is as strict as can be. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export interface SnapshotQuestion {
  readonly search: string;
  readonly limit: number;
}

/** What a server that is asked says: something as JSON, an error, or nothing at all. */
export type Reply<T> = { body: T } | { status: number; message: string } | 'none';

/** Serves the page as it is, with snapshots that a test makes up. */
export class PageServer implements AsyncDisposable {
  /** Makes the response to a request for a snapshot. */
  reply: (question: SnapshotQuestion) => Reply<DashboardSnapshot>;
  replyToTermination: (request: TerminateRequest) => Reply<TerminateResult> = () => ({ body: { ended: [] } });
  /** Whether it ends all connections instead of responding. */
  isAway = false;
  /** Whether it keeps those waiting who ask for a file. */
  holdsFiles = false;
  readonly waitingForFiles: ServerResponse[] = [];
  /** Makes the response to a request for a job. */
  replyToJob: (query: JobQuery) => Reply<JobDetails> = () => ({ status: 404, message: 'No such job.' });
  replyToLeases: () => Reply<DashboardLeases> = () => ({ body: leases() });
  /** Makes the response to a request to pause, resume or run a job. */
  replyToChange: (action: string) => Reply<object | RunResult> = () => ({ body: {} });
  readonly changes: { action: string; request: ControlRequest | PauseRequest }[] = [];
  leaseQuestions = 0;
  readonly questions: SnapshotQuestion[] = [];
  /** The files of the page, as they were sent. */
  readonly files: { readonly path: string; readonly bytes: number }[] = [];
  readonly terminations: { request: TerminateRequest; headers: IncomingHttpHeaders }[] = [];
  private readonly server = createServer((request, response) => {
    void this.serve(request, response);
  });

  constructor(snapshot: DashboardSnapshot) {
    this.reply = () => ({ body: snapshot });
  }

  set snapshot(snapshot: DashboardSnapshot) {
    this.reply = () => ({ body: snapshot });
  }

  /** Where the page is. */
  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/api/locks`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://localhost');
    const path = url.pathname.replace(/^\/api\/locks/, '');
    if (this.isAway) {
      response.destroy();
      return;
    }
    response.setHeader('content-security-policy', POLICY);
    if (path === '/snapshot') {
      const question = {
        search: url.searchParams.get('search') ?? '',
        limit: Number(url.searchParams.get('limit')),
      };
      this.questions.push(question);
      send(response, this.reply(question));
    } else if (path === '/job') {
      const { searchParams } = url;
      const query = { name: searchParams.get('name') ?? '', limit: Number(searchParams.get('limit')) };
      send(response, this.replyToJob(query));
    } else if (path === '/leases') {
      this.leaseQuestions += 1;
      send(response, this.replyToLeases());
    } else if (['/pause', '/resume', '/run'].includes(path)) {
      const asked = JSON.parse((await buffer(request)).toString()) as ControlRequest;
      this.changes.push({ action: path.slice(1), request: asked });
      send(response, this.replyToChange(path.slice(1)));
    } else if (path === '/terminate') {
      const asked = JSON.parse((await buffer(request)).toString()) as TerminateRequest;
      this.terminations.push({ request: asked, headers: request.headers });
      send(response, this.replyToTermination(asked));
    } else if (path === '' || path === '/') {
      const html = await readFile(new URL('page.html', pageDirectory), 'utf8');
      const text = html.replaceAll('{{base}}', path === '' ? 'locks/' : '');
      this.files.push({ path, bytes: Buffer.byteLength(text) });
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(text);
    } else if (this.holdsFiles) {
      this.waitingForFiles.push(response);
    } else {
      const file = /^\/([a-z-]+\.(js|css))$/.exec(path);
      response.setHeader('content-type', types[file?.[2] ?? ''] ?? 'text/plain');
      const content = file?.[1] === undefined ? '' : await readFile(new URL(file[1], pageDirectory));
      this.files.push({ path, bytes: content.length });
      response.end(content);
    }
  }
}

function send(response: ServerResponse, reply: Reply<unknown>): void {
  if (reply === 'none') {
    response.destroy();
    return;
  }
  response.setHeader('content-type', 'application/json; charset=utf-8');
  if ('status' in reply) {
    response.statusCode = reply.status;
    response.end(JSON.stringify({ statusCode: reply.status, message: reply.message }));
  } else {
    response.end(JSON.stringify(reply.body));
  }
}
