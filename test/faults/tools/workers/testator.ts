import { leaveWill } from '../../support/last-will.js';

const folder = process.argv[2] ?? '';
leaveWill(`touch ${folder}/executed`);
leaveWill(`echo first >> ${folder}/log`);
const second = leaveWill(`echo second >> ${folder}/log`);
leaveWill(`echo third >> ${folder}/log`);
second.revoke();
process.kill(process.pid, 'SIGKILL');
