import {
  All,
  Controller,
  Inject,
  NotFoundException,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { printable } from '../../core/index.js';
import { Dashboard } from './dashboard.js';
import { DashboardHeaders } from './dashboard-headers.guard.js';
import type { DashboardRequest } from './dashboard-request.js';
import type { AdvisoryLockDashboardOptions } from './dashboard.options.js';
import { pageAt, type PageFile, type PageFiles } from './page-files.js';
import { controlRequestOf, pauseRequestOf } from './control-request.js';
import { jobQueryOf } from './job-query.js';
import { pathBelowOf, setPathsBelow } from './paths-below.js';
import { snapshotQueryOf } from './snapshot-query.js';
import { type AllowedHosts, refuseOtherOrigins } from './request-origin.js';
import { terminateRequestOf } from './terminate-request.js';

/**
 * What `@ApiExcludeController()` of @nestjs/swagger sets, which applications need not have: the page is no
 * part of their API.
 */
const SWAGGER_EXCLUSION = ['swagger/apiExcludeController', [true]] as const;

/**
 * The controller class of one dashboard. Each dashboard needs its own, because decorators set path and
 * guards.
 *
 * The handler sends the response itself (`@Res()`) and reads the raw request: interceptors that wrap all
 * responses of an application, and pipes that validate all input by classes, must not affect it.
 */
export function dashboardController(
  path: string,
  guards: NonNullable<AdvisoryLockDashboardOptions['guards']>,
  { page, assets }: PageFiles,
  allowedHosts: AllowedHosts = () => true,
): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(DashboardHeaders, ...guards)
  class AdvisoryLockDashboardController {
    constructor(
      @Inject(Dashboard) private readonly dashboard: Dashboard,
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    ) {}

    @All()
    async respond(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
      const { httpAdapter } = this.host;
      const method = httpAdapter.getRequestMethod(request) as string;
      const { contentType, text } = await this.contentOf(method === 'HEAD' ? 'GET' : method, request);
      httpAdapter.setHeader(response, 'content-type', contentType);
      httpAdapter.reply(response, text, 200);
    }

    private async contentOf(method: string, request: DashboardRequest): Promise<PageFile> {
      const url = this.host.httpAdapter.getRequestUrl(request) as string;
      const file = pathBelowOf(request);
      switch (`${method} ${file}`) {
        case 'GET ':
          return { contentType: 'text/html; charset=utf-8', text: pageAt(page, url) };
        case 'GET snapshot':
          return json(await this.dashboard.snapshot(snapshotQueryOf(request.query)));
        case 'GET job':
          return json(await this.dashboard.job(jobQueryOf(request.query)));
        case 'GET leases':
          return json(await this.dashboard.leases.read());
        case 'POST terminate':
          return change(request, terminateRequestOf, (asked, from) => this.dashboard.terminate(asked, from));
        case 'POST pause':
          return change(request, pauseRequestOf, (asked, from) => this.dashboard.control.pause(asked, from));
        case 'POST resume':
          return change(request, controlRequestOf, (asked, from) =>
            this.dashboard.control.resume(asked, from),
          );
        case 'POST run':
          return change(request, controlRequestOf, (asked, from) =>
            this.dashboard.control.runNow(asked, from),
          );
      }
      const asset = assets.get(file);
      if (asset === undefined || method !== 'GET') throw new NotFoundException(`Cannot ${method} ${url}`);
      return asset;
    }
  }

  /** What only the page itself may ask for. */
  async function change<Asked>(
    request: DashboardRequest,
    read: (request: DashboardRequest) => Asked,
    act: (asked: Asked, from: string) => Promise<object>,
  ): Promise<PageFile> {
    refuseOtherOrigins(request, allowedHosts);
    return json(await act(read(request), request.ip ?? 'an unknown address'));
  }

  Reflect.defineMetadata(...SWAGGER_EXCLUSION, AdvisoryLockDashboardController);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- Nest reads the metadata from the function
  setPathsBelow(AdvisoryLockDashboardController.prototype.respond, [
    ...assets.keys(),
    'snapshot',
    'job',
    'leases',
    'terminate',
    'pause',
    'resume',
    'run',
  ]);
  return AdvisoryLockDashboardController;
}

/** All of it is for display: names, and what servers say, may be of anyone. */
function json(value: object): PageFile {
  const text = JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'string' ? printable(each) : each,
  );
  return { contentType: 'application/json; charset=utf-8', text };
}
