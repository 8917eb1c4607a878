import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('sales_reports')
export class SalesReport {
  @PrimaryGeneratedColumn()
  id!: number;

  /** The tick that it is for; null when a client requested it. */
  @Column('timestamptz', { nullable: true })
  dueAt!: Date | null;

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
