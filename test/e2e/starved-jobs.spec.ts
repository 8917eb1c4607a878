import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { AdvisoryLockModule, AdvisoryLockService, ExclusiveCron } from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockInOtherSession } from './support/advisory-locks.js';
import { postgres, start } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

@Injectable()
class Jobs {
  @ExclusiveCron('* * * * * *', { lock: 'of the library' })
  async first(): Promise<void> {}

  @ExclusiveCron('* * * * * *', { lock: 'of another program' })
  async second(): Promise<void> {}

  @ExclusiveCron('* * * * * *', { lock: 'free' })
  async third(): Promise<void> {}
}

const instance = (instanceName: string, jobs: object[] = []) =>
  start({
    imports: [postgres(database), AdvisoryLockModule.forRoot({ instanceName }), ScheduleModule.forRoot()],
    providers: jobs as never[],
  });

describe('a job whose lock is held for longer than several ticks', () => {
  it('is warned of, with the holder', async () => {
    const holder = await instance('web-2:17');
    await holder.app.get(AdvisoryLockService).acquire('of the library');
    await lockInOtherSession(database, 'of another program');
    const { log } = await instance('web-1:4711', [Jobs]);
    const warnings = () => log.matching(/^warn .*left out/);

    await until(() => warnings().length >= 2, 'two warnings', 30_000);
    const [ofLibrary, ofOther] = warnings().sort();
    expect(ofLibrary).toMatch(
      /^warn \[AdvisoryLock\] Jobs\.first was left out in the whole fleet for [3-9] ticks in a row: lock "of the library" has been held for \d+s by web-2:17 \(pid \d+ at [\d.:]+\)$/,
    );
    expect(ofOther).toMatch(
      /^warn \[AdvisoryLock\] Jobs\.second was .* for [3-9] ticks .*: lock "of another program" has been held for at least \d+s by .*\(pid \d+ at [\d.:]+\)$/,
    );
    expect(warnings().filter((line) => line.includes('Jobs.third'))).toEqual([]);
  });
});
