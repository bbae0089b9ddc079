package org.sparkqwen.job.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/// Writes `corpus.parquet` and `prompts.parquet`, the sample inputs of scoring and generation.
///
/// ```
/// SampleDataMaker heldout.jsonl udhr.jsonl data-samples
/// ```
///
/// The first file has a document a line, `{source, title, text}`, in English; the second a translation of the
/// Universal Declaration of Human Rights a line, `{code, language, text}`. All choices are seeded and made over
/// sorted documents, so two runs write the same rows in the same order. A few bytes of the files may differ: Parquet
/// lists a column's encodings in no fixed order.
final class SampleDataMaker {
    private static final long SEED = 20_261_124;

    /// How many documents of a source are also written damaged; 24 in all.
    private static final Map<String, Integer> DAMAGED_BY_SOURCE =
            new TreeMap<>(Map.of("devils-dictionary", 4, "kjv", 4, "moby-dick", 7, "sotu", 6, "wordnet", 3));

    private static final int SOTU_PARTS_PER_ADDRESS = 3;
    private static final int SOTU_LONGEST = 2;
    private static final int WORDNET_MODERATE = 33;
    private static final int WORDNET_LONGEST = 4;

    /// Translations in use, from many scripts: the code in the file, then the BCP 47 tag in the table.
    private static final Map<String, String> TRANSLATIONS = new TreeMap<>(Map.ofEntries(
            Map.entry("arb", "ar"),
            Map.entry("ben", "bn"),
            Map.entry("cmn_hans", "zh-Hans"),
            Map.entry("deu_1996", "de-1996"),
            Map.entry("ell_polytonic", "el-polyton"),
            Map.entry("jpn_osaka", "ja"),
            Map.entry("kor", "ko"),
            Map.entry("mar", "mr"),
            Map.entry("pes_1", "fa"),
            Map.entry("pol", "pl"),
            Map.entry("por_BR", "pt-BR"),
            Map.entry("tam", "ta"),
            Map.entry("tha2", "th"),
            Map.entry("ukr", "uk"),
            Map.entry("vie", "vi"),
            Map.entry("xho", "xh")));

    /// The most characters of a translation.
    private static final int TRANSLATION_LENGTH = 1_500;

    private static final Pattern NOT_FOR_IDS = Pattern.compile("[^\\p{L}\\p{N}]+");
    private static final Pattern PARTY_OF_PRESIDENT = Pattern.compile("_[a-z]+(?=#)");
    private static final Pattern WHITE_SPACE = Pattern.compile("\\s+");

    /// A clause counts as a sentence too: a verse of the King James Bible has many of them and few full stops.
    private static final Pattern SENTENCE_BORDER = Pattern.compile("(?<=[.!?;:][\"'”]?)\\s+");

    private static final double MISREAD_LETTERS = 0.12;
    private static final double DROPPED_SPACES = 0.03;
    private static final double DOUBLED_SPACES = 0.03;

    /// The misreadings of a scanner for `a` to `z`, then for `A` to `Z`: look-alikes, or a neighbour where none
    /// looks alike.
    private static final List<String> MISREADINGS =
            WHITE_SPACE.splitAsStream("""
                o 6 e cl c t q b l i lc 1 rn u 0 p. g n 5 f v u vv x. v 2
                4 8 G 0 F E C l-l l I lC 1 IVI lV O F O P 5 7 LI Y VV x V Z.\
                """).toList();

    private static final StructType CORPUS_SCHEMA = strings("id", "source", "title", "language", "condition", "text");
    private static final StructType PROMPTS_SCHEMA = strings("id", "prompt");

    /// Openings in the register of the small model's training texts, written for this project.
    private static final Map<String, List<String>> PROMPTS = new TreeMap<>(Map.of(
            "bible",
            List.of(
                    "And it came to pass in the seventh year, that the word of the LORD came unto",
                    "Blessed is the man that giveth bread unto the stranger, for",
                    "Now there was in the land of Judah a certain shepherd, and he had three sons.",
                    "Then the king arose, and rent his clothes, and said unto his servants,",
                    "Hear, O ye mountains, and give ear, ye islands of the sea:"),
            "state-of-the-union",
            List.of(
                    "Fellow citizens of the Senate and of the House of Representatives:",
                    "The state of the Treasury is sound. During the past fiscal year the revenues amounted to",
                    "I recommend to the Congress the early passage of a law",
                    "Our relations with foreign powers remain friendly, with one exception.",
                    "We must do more for the farmers of this country, and"),
            "moby-dick",
            List.of(
                    "The old captain stood upon the quarter-deck, his eye fixed upon the",
                    "Of all the creatures of the deep, the whale is",
                    "\"There she blows!\" cried the mast-head, and in an instant",
                    "I had been three days in New Bedford, with little money and less sleep, when",
                    "A thick fog lay upon the harbor. The mates were coiling down the lines, when"),
            "dictionary",
            List.of(
                    "lantern (noun): a",
                    "wander (verb): move about",
                    "stubborn (adj): unwilling to",
                    "botany (noun): the branch of biology that",
                    "gladly (adv): in a"),
            "devils-dictionary",
            List.of(
                    "CRITIC, n. A person who",
                    "PATIENCE, n. A minor form of",
                    "HONEST, adj.",
                    "COMMITTEE, n. An assembly of men who can")));

    /// A document as it was found, with the id that it keeps.
    private record Document(String id, String source, String title, String language, String text) {
     Row row(String condition, String text) {
            boolean damaged = !condition.equals("whole") && !condition.equals("other-language");
            String suffix = damaged ? "-" + condition : "";
            return RowFactory.create(id + suffix, source, title, language, condition, text);
        }

     int length() {
            return text.length();
        }

        /// Returns the speech to which a State of the Union part belongs: its title without `#` and the part's
        /// number.
     String address() {
            return title.substring(0, title.indexOf('#'));
        }

        /// Returns the sentences that can be repeated three times or more in the document's length.
     List<String> repeatable() {
            return SENTENCE_BORDER
                    .splitAsStream(text)
                    .filter(sentence -> sentence.length() >= 30 && sentence.length() <= length() / 3)
                    .toList();
        }
    }

    private SampleDataMaker() {}

    public static void main(String... args) throws IOException {
        if (args.length != 3) {
            throw new IllegalArgumentException(
                    "give three paths: held-out documents (JSONL), translations (JSONL), output directory");
        }
        try (SparkSession spark = SparkSession.builder()
                .appName("sample data")
                .master("local[1]")
                .config("spark.ui.enabled", false)
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.sql.parquet.compression.codec", "zstd")
                .getOrCreate()) {
            List<Document> english = choose(read(spark, args[0]));
            List<Row> corpus = new ArrayList<>();
            english.forEach(document -> corpus.add(document.row("whole", document.text())));
            toDamage(english).forEach(document -> {
                corpus.add(document.row("shuffled-words", shuffledWords(document)));
                corpus.add(document.row("ocr-noise", ocrNoise(document)));
                corpus.add(document.row("repeated", repeated(document)));
            });
            translations(spark, args[1])
                    .forEach(document -> corpus.add(document.row("other-language", document.text())));

            Path output = Files.createDirectories(Path.of(args[2]));
            write(spark, corpus, CORPUS_SCHEMA, output.resolve("corpus.parquet"));
            write(spark, prompts(), PROMPTS_SCHEMA, output.resolve("prompts.parquet"));
        }
    }

    /// @return the documents in the order of their ids; of several with the same id, the first in the file
    private static List<Document> read(SparkSession spark, String file) {
        Map<String, Document> documents = new TreeMap<>();
        for (Row row : spark.read()
                .schema(strings("source", "title", "text"))
                .json(file)
                .collectAsList()) {
            String source = row.getString(0);
            String title = row.getString(1);
            String id = id(source, PARTY_OF_PRESIDENT.matcher(title).replaceFirst(""));
            documents.putIfAbsent(id, new Document(id, source, title, "en", row.getString(2)));
        }
        return List.copyOf(documents.values());
    }

    private static List<Document> translations(SparkSession spark, String file) {
        Map<String, Document> found = new TreeMap<>();
        for (Row row : spark.read()
                .schema(strings("code", "language", "text"))
                .json(file)
                .collectAsList()) {
            String code = row.getString(0);
            String tag = TRANSLATIONS.get(code);
            if (tag != null) {
                String text = beginning(row.getString(2));
                found.put(code, new Document(id("udhr", code), "udhr", row.getString(1), tag, text));
            }
        }
        if (!found.keySet().equals(TRANSLATIONS.keySet())) {
            throw new IllegalArgumentException(
                    "%s has only %s of the translations %s".formatted(file, found.keySet(), TRANSLATIONS.keySet()));
        }
        return List.copyOf(found.values());
    }

    private static String id(String source, String title) {
        String words = NOT_FOR_IDS.matcher(title.toLowerCase(Locale.ROOT)).replaceAll("-");
        return source + "-" + words;
    }

    /// Cuts a text after the last paragraph or sentence that fits.
    private static String beginning(String text) {
        if (text.length() <= TRANSLATION_LENGTH) {
            return text;
        }
        int paragraph = text.lastIndexOf('\n', TRANSLATION_LENGTH);
        int sentence = text.lastIndexOf(". ", TRANSLATION_LENGTH - 1) + 1;
        return text.substring(0, Math.max(paragraph, sentence));
    }

    /// Chooses all documents of the small sources, and about as many of each large one, spread over their lengths
    /// and years.
    private static List<Document> choose(List<Document> documents) {
        Map<String, List<Document>> bySource = grouped(documents, Document::source);
        List<Document> chosen = new ArrayList<>();
        bySource.forEach((source, all) -> chosen.addAll(
                switch (source) {
                    case "devils-dictionary", "kjv", "moby-dick" -> all;
                    case "sotu" -> stateOfTheUnion(all);
                    case "wordnet" -> wordnet(all);
                    default -> throw new IllegalArgumentException("no rule for documents of the source " + source);
                }));
        return chosen;
    }

    private static Collection<Document> stateOfTheUnion(List<Document> all) {
        Map<String, List<Document>> byAddress = grouped(all, Document::address);
        List<Document> preferred = new ArrayList<>(longest(all, SOTU_LONGEST));
        byAddress.forEach((address, parts) -> {
            List<Document> moderate = lengthBetween(parts, 1_000, 2_300);
            preferred.addAll(shuffled(moderate, random(address)).subList(0, SOTU_PARTS_PER_ADDRESS));
        });
        return inOrder(preferred);
    }

    private static Collection<Document> wordnet(List<Document> all) {
        List<Document> preferred = new ArrayList<>(longest(all, WORDNET_LONGEST));
        List<Document> moderate = lengthBetween(all, 60, 220);
        preferred.addAll(shuffled(moderate, random("wordnet")).subList(0, WORDNET_MODERATE));
        return inOrder(preferred);
    }

    private static Map<String, List<Document>> grouped(List<Document> documents, Function<Document, String> key) {
        return documents.stream().collect(Collectors.groupingBy(key, TreeMap::new, Collectors.toList()));
    }

    private static List<Document> longest(List<Document> documents, int count) {
        return documents.stream()
                .sorted(Comparator.comparingInt(Document::length).reversed().thenComparing(Document::id))
                .limit(count)
                .toList();
    }

    private static List<Document> lengthBetween(List<Document> documents, int least, int most) {
        return documents.stream()
                .filter(document -> document.length() >= least && document.length() <= most)
                .toList();
    }

    private static Collection<Document> inOrder(List<Document> documents) {
        Map<String, Document> byId = new TreeMap<>();
        documents.forEach(document -> byId.put(document.id(), document));
        return byId.values();
    }

    /// Returns documents with a sentence to repeat, so that all three kinds of damage are possible.
    private static List<Document> toDamage(List<Document> english) {
        List<Document> chosen = new ArrayList<>();
        DAMAGED_BY_SOURCE.forEach((source, count) -> {
            List<Document> possible = english.stream()
                    .filter(document -> document.source().equals(source)
                            && document.length() >= 180
                            && !document.repeatable().isEmpty())
                    .toList();
            chosen.addAll(shuffled(possible, random("damage " + source)).subList(0, count));
        });
        return chosen;
    }

    private static String shuffledWords(Document document) {
        List<String> words = WHITE_SPACE.splitAsStream(document.text()).toList();
        return String.join(" ", shuffled(words, random(document.id() + " words")));
    }

    private static String ocrNoise(Document document) {
        RandomGenerator random = random(document.id() + " noise");
        StringBuilder text = new StringBuilder();
        for (char c : document.text().toCharArray()) {
            double chance = random.nextDouble();
            if (c == ' ') {
                text.append(chance < DROPPED_SPACES ? "" : chance < DROPPED_SPACES + DOUBLED_SPACES ? "  " : " ");
            } else if (chance < MISREAD_LETTERS && c >= 'a' && c <= 'z') {
                text.append(MISREADINGS.get(c - 'a'));
            } else if (chance < MISREAD_LETTERS && c >= 'A' && c <= 'Z') {
                text.append(MISREADINGS.get(26 + c - 'A'));
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }

    private static String repeated(Document document) {
        String sentence = shuffled(document.repeatable(), random(document.id() + " sentence"))
                .getFirst();
        long times = Math.round((document.length() + 1.0) / (sentence.length() + 1));
        return String.join(" ", Collections.nCopies(Math.toIntExact(times), sentence));
    }

    private static List<Row> prompts() {
        List<Row> rows = new ArrayList<>();
        PROMPTS.forEach((register, openings) -> {
            for (int i = 0; i < openings.size(); i++) {
                rows.add(RowFactory.create("%s-%d".formatted(register, i + 1), openings.get(i)));
            }
        });
        return rows;
    }

    /// Returns a separate generator for each purpose, so that a change to one choice leaves the others unchanged.
    private static RandomGenerator random(String purpose) {
        return new SplittableRandom(SEED + purpose.hashCode());
    }

    private static <T> List<T> shuffled(List<T> list, RandomGenerator random) {
        List<T> copy = new ArrayList<>(list);
        Collections.shuffle(copy, random);
        return copy;
    }

    private static StructType strings(String... names) {
        StructType schema = new StructType();
        for (String name : names) {
            schema = schema.add(name, DataTypes.StringType);
        }
        return schema;
    }

    /// Writes rows in the order of their ids. Spark writes a directory, and its only part becomes `file`.
    private static void write(SparkSession spark, List<Row> rows, StructType schema, Path file) throws IOException {
        Path directory = Files.createTempDirectory("sample-data");
        List<Row> inOrder = rows.stream()
                .sorted(Comparator.comparing((Row row) -> row.getString(0)))
                .toList();
        spark.createDataFrame(inOrder, schema)
                .coalesce(1)
                .write()
                .mode("overwrite")
                .parquet(directory.toString());
        try (Stream<Path> written = Files.list(directory)) {
            for (Path path : written.toList()) {
                if (path.getFileName().toString().matches("part-.*\\.parquet")) {
                    Files.copy(path, file, StandardCopyOption.REPLACE_EXISTING);
                }
                Files.delete(path);
            }
        }
        Files.delete(directory);
    }
}
