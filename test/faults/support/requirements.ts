import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { probeNamespaces } from './namespace.js';

const installer = fileURLToPath(new URL('../../../scripts/install-debian-packages.sh', import.meta.url));

const requirements = {
  pgbouncer: { packages: ['pgbouncer:pgbouncer'], probe: () => undefined },
  'pgpool-II': { packages: ['pgpool:pgpool2'], probe: () => undefined },
  chromium: { packages: ['chromium-headless-shell:chromium-headless-shell'], probe: () => undefined },
  redis: { packages: ['redis-server:redis-server'], probe: () => undefined },
  nats: { packages: ['nats-server:nats-server'], probe: () => undefined },
  libfaketime: { packages: ['faketime:faketime'], probe: () => undefined },
  'network namespaces': {
    packages: ['ip:iproute2', 'iptables:iptables', 'nsenter:util-linux'],
    probe: probeNamespaces,
  },
};

export type Requirement = keyof typeof requirements;

/**
 * Why it is not available on this machine, if so. What is missing is installed where that is possible; when
 * the installation fails there, this throws: tests that could run are not to be skipped.
 */
export function whyMissing(requirement: Requirement): string | undefined {
  const { packages, probe } = requirements[requirement];
  if (process.platform !== 'linux') return 'it needs Linux';
  const { status, stderr } = spawnSync(installer, packages, { encoding: 'utf8' });
  if (status === 0) return probe();
  if (status === 69) return stderr.trim();
  throw new Error(`Not installed: ${packages.join(', ')}\n${stderr}`);
}
