import { describe, expect, it } from '@jest/globals';
import { knownToolsOf, toolOfPair } from '../../lib/inspection/known-tools.js';

describe('the keys of other tools', () => {
  it.each([
    { key: '72707369', database: 'shop', tool: 'Prisma Migrate' },
    { key: '-8525285245963000605', database: 'shop', tool: 'postgres-migrations' },
    { key: '77431708279161', database: 'shop', tool: 'Flyway' },
    { key: '77433855762808', database: 'shop', tool: 'Flyway' },
    { key: '77429560795513', database: 'shop', tool: 'Flyway' },
    { key: '586353752304064290', database: 'mydb', tool: 'Rails migrations' },
    { key: '2771974297191923538', database: 'zone', tool: 'sqlx migrations' },
    { key: '2103762914', database: 'mydb', tool: 'golang-migrate' },
  ])('recognizes $tool by $key', ({ key, database, tool }) => {
    expect(knownToolsOf(database)(key)).toBe(tool);
  });

  it('recognizes BullMQ by the first number of a pair', () => {
    expect(toolOfPair([-502438564, 7])).toBe('BullMQ');
    expect(toolOfPair([7, -502438564])).toBeUndefined();
  });

  it.each(['586353752304064290', '2103762914', '77433855762809', '77429560795512', '42'])(
    'does not claim %s in another database or beside the range',
    (key) => {
      expect(knownToolsOf('shop')(key)).toBeUndefined();
    },
  );
});
