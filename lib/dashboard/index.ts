export { AdvisoryLockDashboardModule } from './server/advisory-lock-dashboard.module.js';
export type { AdvisoryLockDashboardOptions } from './server/dashboard.options.js';
