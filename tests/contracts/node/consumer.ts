// A stranger's program over the types that were made: it compiles only while they are what the references say.
import type { OffsetPurchased } from "./offset.purchased.v1";
import type { CreditsRetired } from "./credits.retired.v1";
import type { paths } from "./orders.openapi";

type Payables = paths["/v1/payables"]["get"]["responses"]["200"]["content"]["application/json"];

/** What an owner is due: the subtotals of purchases that are retired. */
export function due(purchases: OffsetPurchased[], retirements: CreditsRetired[], owner: string): number {
  const retired = new Set<string>(retirements.map((one) => one.order_id));
  return purchases
    .filter((one) => one.owner_id === owner && retired.has(one.order_id))
    .reduce((sum, one) => sum + one.subtotal_fen, 0);
}

export function agrees(payables: Payables, owner: string, sum: number): boolean {
  return payables.data.some((one) => one.owner_id === owner && one.subtotal_fen === sum);
}
