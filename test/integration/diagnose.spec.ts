import { describe, expect, it } from '@jest/globals';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

describe('the diagnosis', () => {
  it('tells what the locks rest on', async () => {
    const { service } = createLocks(database.url, { maxConnections: 3 });
    const diagnosis = await service.diagnose();
    console.log(diagnosis);
    expect(diagnosis).toMatchObject({ isHealthy: true, problems: [], pooler: 'none' });
  });
});
