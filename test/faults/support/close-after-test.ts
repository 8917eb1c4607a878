import { defer } from '../../support/cleanup.js';

/** The tools of this folder also work without Jest. In Jest: `await closeAfterTest(startProxy(port))`. */
export async function closeAfterTest<T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const tool = await starting;
  defer(() => tool.close());
  return tool;
}
