import { writePage } from '../../src/page/build.ts';

/** Once for all tests: the page as it is now, in `dist/page`, where a server looks for it. */
export default writePage;
