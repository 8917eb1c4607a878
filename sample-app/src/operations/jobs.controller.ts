import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { type AdvisoryLockJob, AdvisoryLockJobs } from 'nestjs-advisory-lock';

/** What an operator does with jobs. In a shop of yours, behind a guard. */
@Controller('jobs')
export class JobsController {
  constructor(private readonly jobs: AdvisoryLockJobs) {}

  @Get()
  findAll(): Promise<AdvisoryLockJob[]> {
    return this.jobs.list();
  }

  /** In the whole fleet, until it is resumed. */
  @Post(':name/pause')
  pause(@Param('name') name: string, @Body() { reason }: { reason?: string } = {}): Promise<void> {
    return this.jobs.pause(name, reason === undefined ? {} : { reason });
  }

  @Post(':name/resume')
  resume(@Param('name') name: string): Promise<void> {
    return this.jobs.resume(name);
  }

  /** In one instance, also while it is paused; 409 while it runs. */
  @Post(':name/run')
  async run(@Param('name') name: string): Promise<void> {
    await this.jobs.runNow(name);
  }
}
