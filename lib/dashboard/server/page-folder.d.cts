/** Where the files of the page are. */
export declare const PAGE_FOLDER: string;
