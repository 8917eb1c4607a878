import { Module } from '@nestjs/common';
import { PriceDesk } from './price-desk.js';

@Module({ providers: [PriceDesk] })
export class PricesModule {}
