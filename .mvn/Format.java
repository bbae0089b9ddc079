import com.palantir.javaformat.java.Formatter;
import com.palantir.javaformat.java.FormatterException;
import com.palantir.javaformat.java.JavaFormatterOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// Checks that Java sources are formatted, or formats them. The formatter parses with the compiler of the Java that
/// runs it, so it runs on the JDK that the toolchain found and not inside Maven, which may run on an older one.
///
/// usage: Format.java check|fix DIRECTORY...
class Format {
    private static final int COLUMNS = 120;

    public static void main(String[] args) throws IOException {
        boolean fix = args[0].equals("fix");
        Formatter formatter = Formatter.createFormatter(JavaFormatterOptions.builder()
                .style(JavaFormatterOptions.Style.PALANTIR)
                .build());
        List<Path> sources = new ArrayList<>();
        for (String directory : Arrays.asList(args).subList(1, args.length)) {
            sources.addAll(sources(Path.of(directory)));
        }
        for (Path file : sources) {
            refuseLongComments(file);
        }
        List<Path> unformatted = sources.parallelStream()
                .filter(file -> !isFormatted(formatter, file, fix))
                .toList();
        unformatted.forEach(file -> System.out.println((fix ? "formatted " : "not formatted: ") + file));
        if (!fix && !unformatted.isEmpty()) {
            System.out.println("format them with: mvn -N verify -Dformat=fix");
            System.exit(1);
        }
    }

    private static boolean isFormatted(Formatter formatter, Path file, boolean fix) {
        try {
            String source = Files.readString(file);
            String formatted = formatter.formatSourceAndFixImports(source);
            if (fix && !formatted.equals(source)) {
                Files.writeString(file, formatted);
            }
            return formatted.equals(source);
        } catch (IOException | FormatterException e) {
            throw new IllegalStateException(file + " cannot be formatted", e);
        }
    }

    /// The formatter would break such a line and leave the rest of it without its slashes. It counts the indent
    /// twice.
    private static void refuseLongComments(Path file) throws IOException {
        List<String> lines = Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            int indent = line.length() - line.stripLeading().length();
            if (line.stripLeading().startsWith("///") && line.length() + indent > COLUMNS) {
                System.out.printf("%s:%d: break this comment by hand, it is too long%n", file, i + 1);
                System.exit(1);
            }
        }
    }

    private static List<Path> sources(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> file.toString().endsWith(".java"))
                    .filter(file -> !file.toString().contains("target"))
                    .sorted()
                    .toList();
        }
    }
}
