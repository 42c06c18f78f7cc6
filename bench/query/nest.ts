import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommandBus, CommandHandler, CqrsModule } from '@nestjs/cqrs';
import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, priceOf } from './price.ts';

class GetPrice {
  readonly sku: string;
  readonly quantity: number;

  constructor(sku: string, quantity: number) {
    this.sku = sku;
    this.quantity = quantity;
  }
}

class GetPriceHandler {
  async execute(asked: GetPrice) {
    return priceOf(asked);
  }
}

class App {}

/** Decorators are functions; called as such they need no compiler. */
const start: Start = async ({ forMs }) => {
  CommandHandler(GetPrice)(GetPriceHandler);
  Module({ imports: [CqrsModule.forRoot()], providers: [GetPriceHandler] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  await app.init();
  const bus = app.get(CommandBus);
  const call = () => bus.execute(new GetPrice(ASKED.sku, ASKED.quantity));
  return { round: () => perCall(call, forMs), close: () => app.close() };
};
export default start;
