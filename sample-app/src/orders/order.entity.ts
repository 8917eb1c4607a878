import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('orders')
export class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text')
  item!: string;

  @Column('int')
  priceCents!: number;

  @Column('timestamptz', { nullable: true })
  paidAt!: Date | null;

  /** Without gaps, as the tax office wants it. */
  @Column('int', { nullable: true, unique: true })
  receiptNumber!: number | null;

  /** The instance that took the payment. */
  @Column('text', { nullable: true })
  paidBy!: string | null;

  /** The instance that had the order's share when it was packed. */
  @Column('text', { nullable: true })
  packedBy!: string | null;
}
