import { expect, it } from '@jest/globals';
import { dashboardController } from '../../lib/dashboard/server/dashboard.controller.js';

it('the dashboard is no part of the API that @nestjs/swagger documents', () => {
  const controller = dashboardController('locks', [], { page: '', assets: new Map() });
  expect(Reflect.getMetadata('swagger/apiExcludeController', controller)).toEqual([true]);
});
