package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Every link of a page leads to a file of the project, and to a heading of it, and docs/README.md names every page.
class DocumentedLinksTest {
    private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();

    private static final Pattern CODE = Pattern.compile("(?ms)^```.*?^```$");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)|(?m:^\\[\\w+\\]: (\\S+))");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");

    @Test
    void everyLinkLeadsSomewhere() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path page : pages()) {
            for (String link : links(page)) {
                String[] parts = link.split("#", 2);
                Path target = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]);
                boolean there = Files.exists(target)
                        && (parts.length == 1 || headings(target).contains(parts[1]));
                if (!there) {
                    broken.add("%s: %s".formatted(PROJECT.relativize(page), link));
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    @Test
    void theIndexNamesEveryPageOfItsFolder() throws IOException {
        Path folder = PROJECT.resolve("docs");
        Path index = folder.resolve("README.md");
        Set<Path> named = new HashSet<>();
        for (String link : links(index)) {
            named.add(folder.resolve(link).normalize());
        }
        named.add(index);
        assertThat(named).containsAll(in(folder, 1));
    }

    /// Returns the pages of the project.
    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>(in(PROJECT, 1));
        for (String folder : List.of("docs", "notebooks", "data-samples", "python")) {
            pages.addAll(in(PROJECT.resolve(folder), 2));
        }
        return pages;
    }

    private static List<Path> in(Path folder, int depth) throws IOException {
        try (Stream<Path> files = Files.walk(folder, depth)) {
            return files.filter(file -> file.toString().endsWith(".md")).toList();
        }
    }

    /// Returns the links of a page that lead to the project itself.
    private static List<String> links(Path page) throws IOException {
        return LINK.matcher(text(page))
                .results()
                .map((MatchResult link) -> link.group(1) != null ? link.group(1) : link.group(2))
                .filter(link -> !link.matches("[a-z]+:.*"))
                .toList();
    }

    /// Returns the anchors of a page's headings, as GitHub makes them.
    private static Set<String> headings(Path page) throws IOException {
        Set<String> anchors = new HashSet<>();
        HEADING.matcher(text(page))
                .results()
                .map((MatchResult heading) -> heading.group(1)
                        .replaceAll("\\[([^\\]]*)\\]\\([^)]*\\)", "$1")
                        .strip()
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N}_ -]", "")
                        .replace(' ', '-'))
                .forEach(anchors::add);
        return anchors;
    }

    private static String text(Path page) throws IOException {
        return CODE.matcher(Files.readString(page)).replaceAll("");
    }
}
