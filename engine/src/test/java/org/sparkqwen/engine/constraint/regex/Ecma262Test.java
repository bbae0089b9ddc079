package org.sparkqwen.engine.constraint.regex;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.apache.lucene.util.automaton.Operations;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Patterns and texts, and which pattern is found in which text by V8 with the flag `u` (Node 20; a pattern that
/// begins with `(?i)` has the flag `i` there): the kinds by hand, and 500 random ones. Asked at each code point with
/// the flag `y`, since V8 finds `\B` within a surrogate pair, where ECMA-262 does not look.
class Ecma262Test {
    @Test
    void findsWhatEcmaScriptFinds() throws IOException {
        ObjectMapper json = new ObjectMapper();
        List<String> texts = new ArrayList<>();
        List<String> wrong = new ArrayList<>();
        int patterns = 0;
        for (String line : lines()) {
            String[] parts = line.split(" ", line.startsWith("text") ? 2 : 3);
            if (parts[0].equals("text")) {
                texts.add(json.readValue(parts[1], String.class));
                continue;
            }
            String pattern = json.readValue(parts[2], String.class);
            BigInteger found = new BigInteger(parts[1], 16); // the first text in the highest bit
            int bits = 4 * parts[1].length();
            try {
                var automaton = Budget.within(() -> Language.deterministic(RegexParser.parseSearched(pattern)));
                for (int i = 0; i < texts.size(); i++) {
                    if (Operations.run(automaton, texts.get(i)) != found.testBit(bits - 1 - i)) {
                        wrong.add("%s in %s".formatted(pattern, json.writeValueAsString(texts.get(i))));
                    }
                }
            } catch (RefusedConstraint e) {
                wrong.add(pattern + ": " + e.reason());
            }
            patterns++;
        }
        assertThat(wrong).isEmpty();
        assertThat(patterns).isGreaterThan(600);
        assertThat(texts).hasSize(320);
    }

    private static List<String> lines() throws IOException {
        try (InputStream in = Objects.requireNonNull(Ecma262Test.class.getResourceAsStream("/patterns/ecma262.txt"))) {
            return new String(in.readAllBytes(), UTF_8).lines().toList();
        }
    }
}
