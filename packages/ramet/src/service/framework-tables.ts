import { BUS_TABLES } from '../bus/index.ts';
import { SAGA_TABLES } from '../saga/index.ts';
import { type FolderTables, STORE_TABLES } from '../store/index.ts';
import { SERVICE_TABLES } from './tables.ts';

/** What a store holds beside the tables of its service. A folder that keeps something in stores adds its object here. */
export const FRAMEWORK_TABLES: readonly FolderTables[] = [STORE_TABLES, BUS_TABLES, SAGA_TABLES, SERVICE_TABLES];
