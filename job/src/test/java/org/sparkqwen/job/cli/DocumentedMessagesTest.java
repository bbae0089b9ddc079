package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.Page;

/// The messages in the guide to troubleshooting are those of the sources. A `…` in the guide stands for what differs.
class DocumentedMessagesTest {
    /// The heading of messages that are not this project's.
    private static final String OTHERS = "\n## Messages of Java, Spark and the system";

    private static final Pattern FIRST_CELL = Pattern.compile("(?m)^\\| (`[^|]*) \\|");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");

    @Test
    void everyMessageIsInTheSources() throws IOException {
        Page guide = Page.guides().stream()
                .filter(page -> page.name().endsWith("troubleshooting.md"))
                .findFirst()
                .orElseThrow();
        List<String> parts = FIRST_CELL
                .matcher(guide.text().split(OTHERS, 2)[0])
                .results()
                .flatMap(cell -> CODE.matcher(cell.group(1)).results())
                .map((MatchResult code) -> code.group(1))
                .flatMap(message -> Stream.of(message.split("…", -1)))
                .map(part -> part.strip().replaceFirst("^[,;:.]+ *", ""))
                .filter(part -> !part.isEmpty())
                .toList();
        String sources = sources();
        assertThat(parts)
                .hasSizeGreaterThan(60)
                .allSatisfy(part -> assertThat(sources.contains(part)).as(part).isTrue());
    }

    /// Returns the sources and the launcher. A text that is written in several lines is whole.
    private static String sources() throws IOException {
        List<String> sources = new ArrayList<>(List.of(Files.readString(Path.of("../spark-qwen"))));
        for (String module : List.of("../engine/src/main/java", "../job/src/main/java")) {
            try (Stream<Path> files = Files.walk(Path.of(module))) {
                for (Path file :
                        files.filter(each -> each.toString().endsWith(".java")).toList()) {
                    sources.add(Files.readString(file));
                }
            }
        }
        return String.join("\n", sources).replaceAll("\"\\s*\\+\\s*\"", "");
    }
}
