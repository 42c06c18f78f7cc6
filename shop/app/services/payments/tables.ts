export interface Tables {
  payments: {
    order_id: string;
    payment_id: string;
    amount: number;
    status: 'requested' | 'captured' | 'declined' | 'refunded';
    charge_id: string | null;
    refunded: number;
    queued: 0 | 1;
  };
  mandates: {
    order_id: string;
    amount: number | null;
    card_token: string | null;
    due: 0 | 1;
    status: 'open' | 'used' | 'revoked';
  };
  part_refunds: { return_id: string; order_id: string; amount: number; status: 'requested' | 'refunded' | 'refused' };
}
