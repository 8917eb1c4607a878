import type { OpenContender } from '../contender.js';
import { openLeases } from './leases.js';

export const open: OpenContender = (url) => openLeases(url, 'not-durable', false);
