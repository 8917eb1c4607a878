export {
  AdvisoryLockTesting,
  type AdvisoryLockTestingOptions,
  type HeldElsewhere,
} from './advisory-lock-testing.js';
export { AdvisoryLockTestingModule } from './advisory-lock-testing.module.js';
