package org.sparkqwen.engine.constraint.automaton;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import org.apache.lucene.util.automaton.Automaton;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8AutomatonTest {
    @ParameterizedTest
    @ValueSource(strings = {"any", "none of a line's ends", "letters", "one of each length", "edges"})
    void acceptsTheBytesOfEachCharacterOfASet(String name) {
        BitSet set = switch (name) {
            case "any" -> CodePoints.ALL;
            case "letters" -> CodePoints.category("L");
            case "none of a line's ends" -> CodePoints.except(CodePoints.LINE_ENDS);
            case "one of each length" -> of("aé日🙂");
            default -> of("\u0000\u007F\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\uD800\uDC00\uDBFF\uDFFF");
        };
        Automaton bytes = Utf8Automaton.of(Language.deterministic(CodePoints.automaton(set)), 10_000);
        assertThat(bytes.isDeterministic()).isTrue();
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            if (CodePoints.ALL.get(c) && accepts(bytes, Character.toString(c).getBytes(UTF_8)) != set.get(c)) {
                throw new AssertionError("U+%04X".formatted(c));
            }
        }
    }

    private static BitSet of(String characters) {
        BitSet set = new BitSet();
        characters.codePoints().forEach(set::set);
        return set;
    }

    /// All sequences of up to three bytes, and of four those whose first two may be told apart: as many as there
    /// are characters, so no long form is accepted and no surrogate.
    @Test
    void acceptsNothingThatIsNotUtf8() {
        Automaton bytes = Language.utf8(CodePoints.automaton(CodePoints.ALL));
        int characters = 0;
        for (int first = 0; first < 256; first++) {
            int one = bytes.step(0, first);
            characters += one >= 0 && bytes.isAccept(one) ? 1 : 0;
            for (int second = 0; one >= 0 && second < 256; second++) {
                int two = bytes.step(one, second);
                characters += two >= 0 && bytes.isAccept(two) ? 1 : 0;
                for (int third = 0; two >= 0 && third < 256; third++) {
                    int three = bytes.step(two, third);
                    characters += three >= 0 && bytes.isAccept(three) ? 1 : 0;
                    for (int fourth = 0; three >= 0 && fourth < 256; fourth++) {
                        int four = bytes.step(three, fourth);
                        characters += four >= 0 && bytes.isAccept(four) ? 1 : 0;
                    }
                }
            }
        }
        assertThat(characters).isEqualTo(CodePoints.ALL.cardinality()).isEqualTo(0x110000 - 0x800);
    }

    @Test
    void sharesStatesWithinCharacters() {
        assertThat(Language.utf8(CodePoints.automaton(CodePoints.ALL)).getNumStates())
                .isEqualTo(9); // before, after, with 1, 2 and 3 left, and after E0, ED, F0 and F4
    }

    @Test
    void refusesMoreStatesThanAreAllowed() {
        Automaton letters = Language.deterministic(CodePoints.automaton(CodePoints.category("L")));
        assertThatThrownBy(() -> Utf8Automaton.of(letters, 50)).hasMessageStartingWith("too large");
    }

    private static boolean accepts(Automaton bytes, byte[] text) {
        int state = 0;
        for (int i = 0; i < text.length && state >= 0; i++) {
            state = bytes.step(state, text[i] & 0xFF);
        }
        return state >= 0 && bytes.isAccept(state);
    }
}
