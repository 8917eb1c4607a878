import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('sales_reports')
export class SalesReport {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('int')
  paidOrders!: number;

  @Column('int')
  revenueCents!: number;

  /** The instance that wrote it. */
  @Column('text')
  writtenBy!: string;

  @Column('timestamptz')
  startedAt!: Date;

  @Column('timestamptz')
  finishedAt!: Date;
}
