"""What the codes mean that are about orders, payments, profiles and balances, and what to do."""

from shared.contracts.problems.explanation import Explanation
from shared.sentence import Sentence

EXPLANATIONS = {
    "project_unknown": Explanation(
        404,
        Sentence("There is no project of this id on sale here."),
        Sentence("Choose one of GET /v1/projects. One listed a moment ago may need a few seconds."),
    ),
    "project_not_for_sale": Explanation(
        409,
        Sentence("The project takes no new orders now; `listing_status` says how it stands."),
        Sentence("Choose another project. Orders that are held or paid go on."),
    ),
    "price_changed": Explanation(
        409,
        Sentence("The price is no longer the one that you saw. Nothing was ordered."),
        Sentence("Look at the present price, which the answer carries, and order again with its listing version."),
    ),
    "amount_out_of_range": Explanation(
        422,
        Sentence("What is wanted comes to less than a gram, or to more than one order may hold."),
        Sentence("Change the amount; split a large one into several orders."),
    ),
    "claim_mismatch": Explanation(
        403,
        Sentence("The capability does not belong to the footprint that is to be neutralised."),
        Sentence("Send the capability that was given with this very footprint."),
    ),
    "footprint_covered": Explanation(
        409,
        Sentence(
            "An order that is under way or completed covers this footprint, or an older or newer one of its chain."
        ),
        Sentence("Nothing more is needed for it. Leave it out, or cancel the other order before it is paid."),
    ),
    "footprint_not_struck": Explanation(
        404,
        Sentence("The footprint counts in the balance of the scene and is not struck."),
        Sentence("Nothing is to be taken back. PUT at this address strikes it, with a reason."),
    ),
    "footprint_replaced": Explanation(
        409,
        Sentence("A newer footprint has replaced this one."),
        Sentence("Order for the newer one."),
    ),
    "jurisdictions_differ": Explanation(
        409,
        Sentence("The footprints fall under different rules of claims."),
        Sentence("Make one order for each place."),
    ),
    "claim_too_large": Explanation(
        409,
        Sentence("The footprints together are more than one order may hold."),
        Sentence("Split them into several orders."),
    ),
    "order_state": Explanation(
        409,
        Sentence("The order is in a state in which this cannot be done; `state` names it."),
        Sentence("Read the order again and do what its state allows."),
    ),
    "purchase_invalid": Explanation(
        409,
        Sentence("This order could not go on after a payment, so no money is taken for it."),
        Sentence("Cancel it and make a new one. If that fails too, tell us the request id."),
    ),
    "payment_unknown": Explanation(
        404,
        Sentence("The order has no payment of this id."),
        Sentence("Take the id from the order."),
    ),
    "payments_exhausted": Explanation(
        409,
        Sentence("Payment of this order was tried too often."),
        Sentence("Cancel it and make a new one."),
    ),
    "provider_refused": Explanation(
        409,
        Sentence("The payment provider refuses this. Nothing was charged."),
        Sentence("Try again or pay in another way."),
    ),
    "provider_silent": Explanation(
        503,
        Sentence("The payment provider gave no answer, so it may or may not have done it. We ask again until we know."),
        Sentence(
            "Do not pay a second time. Look at the order in a minute, or send the same again with the same "
            "Idempotency-Key."
        ),
    ),
    "notice_forged": Explanation(
        401,
        Sentence("The notice of a payment is not signed by the provider, or was signed too long ago."),
        Sentence(
            "Only the payment provider sends these. Sign the body as it is sent, with the key of now and the time of "
            "now."
        ),
    ),
    "refund_unknown": Explanation(
        404,
        Sentence("No payment of this id is being returned."),
        Sentence("Take the id from the order, and look whether it says that it is being returned."),
    ),
    "refund_state": Explanation(
        409,
        Sentence("The refund is over; `state` says how."),
        Sentence("Nothing more is to be done for it."),
    ),
    "refund_under_way": Explanation(
        409,
        Sentence("The provider is being asked for this refund just now, so it cannot be settled by another way yet."),
        Sentence("Wait a minute and look again. Do not pay it out before this passes: it would be paid twice."),
    ),
    "name_missing": Explanation(
        422,
        Sentence("A company or an organiser acts under its own name, and none was sent."),
        Sentence("Send the name that the certificate is to bear."),
    ),
    "name_invalid": Explanation(
        422,
        Sentence("The name is empty, too long, or has signs that nobody writes in a name."),
        Sentence("Send a name on one line, of at most 80 letters; a Chinese character counts as two."),
    ),
    "name_unprintable": Explanation(
        422,
        Sentence("The name has characters that the certificate's fonts cannot print; `characters` lists them."),
        Sentence("Write the name without these characters."),
    ),
    "kind_fixed": Explanation(
        409,
        Sentence("A profile is of a person, a company or an organiser for ever, and this one is of another kind."),
        Sentence("Order without the profile: a new one is made."),
    ),
    "mandate_outdated": Explanation(
        409,
        Sentence("The mandate that was agreed to is not the text in force."),
        Sentence("Show the text whose version the answer names, and send that version once it is agreed to."),
    ),
    "beneficiary_erased": Explanation(
        409,
        Sentence("The profile was erased for ever, and takes no more orders or names."),
        Sentence("Order without it: a new one is made."),
    ),
    "scene_open": Explanation(
        409,
        Sentence("Guests may still neutralise by themselves, so the rest of the scene cannot be taken yet."),
        Sentence("Close the scene, or wait until its period is over."),
    ),
    "nothing_left": Explanation(
        409,
        Sentence("Nothing of the scene is left that an order could take."),
        Sentence("Nothing more is to be done: all that is counted is neutralised, ordered or struck."),
    ),
    "footprint_not_counted": Explanation(
        404,
        Sentence("The scene's balance counts no such footprint: it is unknown, or a newer one has replaced it."),
        Sentence("Take the id from the list of the balance."),
    ),
}
