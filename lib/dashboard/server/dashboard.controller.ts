import {
  Controller,
  Get,
  Inject,
  NotFoundException,
  Post,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Dashboard } from './dashboard.js';
import { DashboardHeaders } from './dashboard-headers.guard.js';
import type { DashboardRequest } from './dashboard-request.js';
import type { AdvisoryLockDashboardOptions } from './dashboard.options.js';
import { pageAt, type PageFiles } from './page-files.js';
import { snapshotQueryOf } from './snapshot-query.js';
import { refuseOtherOrigins, terminateRequestOf } from './terminate-request.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * The controller class of one dashboard. Each dashboard needs its own, because decorators set path and
 * guards.
 *
 * The handlers send the response themselves (`@Res()`) and read the raw request: interceptors that wrap all
 * responses of an application, and pipes that validate all input by classes, must not affect them.
 */
export function dashboardController(
  path: string,
  guards: NonNullable<AdvisoryLockDashboardOptions['guards']>,
  { page, assets }: PageFiles,
): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(DashboardHeaders, ...guards)
  class AdvisoryLockDashboardController {
    constructor(
      @Inject(Dashboard) private readonly dashboard: Dashboard,
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    ) {}

    @Get()
    page(@Req() request: unknown, @Res() response: unknown): void {
      const url = this.host.httpAdapter.getRequestUrl(request) as string;
      this.reply(response, 'text/html; charset=utf-8', pageAt(page, url));
    }

    // Nest removes one slash from the end, and to Fastify the path without it is a different one.
    @Get('//')
    pageWithSlash(@Req() request: unknown, @Res() response: unknown): void {
      this.page(request, response);
    }

    @Get([...assets.keys()])
    asset(@Req() request: unknown, @Res() response: unknown): void {
      const [path = ''] = (this.host.httpAdapter.getRequestUrl(request) as string).split('?', 1);
      const asset = assets.get(path.slice(path.lastIndexOf('/') + 1));
      if (asset === undefined) throw new NotFoundException();
      this.reply(response, asset.contentType, asset.text);
    }

    @Get('snapshot')
    async snapshot(@Req() { query }: DashboardRequest, @Res() response: unknown): Promise<void> {
      this.reply(response, JSON_TYPE, JSON.stringify(await this.dashboard.snapshot(snapshotQueryOf(query))));
    }

    @Post('terminate')
    async terminate(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
      refuseOtherOrigins(request);
      const result = await this.dashboard.terminate(
        terminateRequestOf(request),
        request.ip ?? 'an unknown address',
      );
      this.reply(response, JSON_TYPE, JSON.stringify(result));
    }

    private reply(response: unknown, contentType: string, text: string): void {
      const { httpAdapter } = this.host;
      httpAdapter.setHeader(response, 'content-type', contentType);
      httpAdapter.reply(response, text, 200);
    }
  }

  Reflect.defineMetadata(
    FASTIFY_CONSTRAINTS,
    { host: /^/ },
    // eslint-disable-next-line @typescript-eslint/unbound-method -- Nest reads the metadata from the function
    AdvisoryLockDashboardController.prototype.pageWithSlash,
  );
  return AdvisoryLockDashboardController;
}

/**
 * The metadata key from which @nestjs/platform-fastify reads the constraints of a route. With a constraint
 * that is always met, Fastify accepts the path with a slash as another route even when it ignores trailing
 * slashes. Without it, Fastify would refuse the second route as a duplicate.
 */
const FASTIFY_CONSTRAINTS = '__fastify_route_constraints__';
