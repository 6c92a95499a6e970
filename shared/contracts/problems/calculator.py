"""What the codes mean that are about scenes, footprints and factors, and what to do."""

from shared.contracts.problems.explanation import Explanation
from shared.sentence import Sentence

EXPLANATIONS = {
    "scene_unknown": Explanation(
        404,
        Sentence("There is no scene of this code or id, or it has not been opened yet."),
        Sentence(
            "Compare the code with the poster, or search for the scene. One opened a moment ago may need a few seconds."
        ),
    ),
    "scene_not_open": Explanation(
        409,
        Sentence("The scene takes no footprints: it is not open yet, or it is over."),
        Sentence("Look at its period. Only open scenes count visits."),
    ),
    "scene_not_yours": Explanation(
        403,
        Sentence("The scene belongs to another organiser than the token names."),
        Sentence("Use a token of its organiser, or a scene of your own."),
    ),
    "code_taken": Explanation(
        409,
        Sentence("Another scene has this code already."),
        Sentence("Choose another code; a code stands on posters and belongs to one scene for ever."),
    ),
    "footprint_unknown": Explanation(
        404,
        Sentence("There is no footprint of this id, or it has not arrived at this service yet."),
        Sentence("Compare the id. A footprint made a moment ago arrives within seconds: send it again then."),
    ),
    "already_replaced": Explanation(
        409,
        Sentence("A newer footprint has replaced this one, so its answers can no longer be changed."),
        Sentence("Change the newest of the chain; `replaced_by` of a footprint leads to it."),
    ),
    "answers_refused": Explanation(
        422,
        Sentence("Some answers cannot be computed with."),
        Sentence("`errors` names each of them by its pointer and says what is possible there."),
    ),
    "answers_too_large": Explanation(
        413,
        Sentence("The answers are larger than those of any visit; nothing of them was read."),
        Sentence("Put alike journeys, nights and meals into one line each."),
    ),
    "no_factor": Explanation(
        422,
        Sentence("There is no emission factor for this activity in this place, not even an average one."),
        Sentence("Choose an activity that is near to it, or leave it out."),
    ),
    "zero_footprint": Explanation(
        422,
        Sentence("Nothing of what was answered is counted, so there is nothing to record or to offset."),
        Sentence("Fill in how you came, where you slept or what you ate."),
    ),
    "too_many_footprints": Explanation(
        429,
        Sentence("One network has made as many footprints of this scene as an hour allows."),
        Sentence("Wait as long as Retry-After says, or count by another network, such as that of a telephone."),
    ),
    "unknown_release": Explanation(
        404,
        Sentence("There is no factor release of this name."),
        Sentence("Take the name from the footprint or from the page How we count."),
    ),
    "release_altered": Explanation(
        500,
        Sentence("The files of a factor release are not those that were frozen; nothing is computed with them."),
        Sentence("Tell us. Footprints of other releases go on."),
    ),
}
