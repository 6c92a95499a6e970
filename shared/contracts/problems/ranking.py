"""What the codes mean that are about boards, and what to do."""

from shared.contracts.problems.explanation import Explanation
from shared.sentence import Sentence

EXPLANATIONS = {
    "board_not_offered": Explanation(
        422,
        Sentence("There is no such board: this measure, window or place does not go with it."),
        Sentence("The answer says what the board offers. Leave the rest out."),
    ),
}
