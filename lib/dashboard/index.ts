export { AdvisoryLockDashboardModule } from './advisory-lock-dashboard.module.js';
export type { AdvisoryLockDashboardOptions } from './dashboard.options.js';
