import { Controller, Get } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { AdvisoryLockHealthIndicator } from 'nestjs-advisory-lock';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly locks: AdvisoryLockHealthIndicator,
  ) {}

  /** Whether a restart would help. */
  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([() => this.locks.isAlive('locks')]);
  }

  /** Whether the instance can serve requests: everything important in this shop takes a lock. */
  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.locks.isReady('locks')]);
  }
}
