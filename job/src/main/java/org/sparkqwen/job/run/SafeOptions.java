package org.sparkqwen.job.run;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Redaction;

/// The options of a run as they may be shown and stored. A setting of Spark, of the input or of the output is hidden
/// unless it is known to be harmless, because a list of secrets would never be complete. Other values lose the secrets
/// that [Redaction] finds.
public final class SafeOptions {
    public static final String HIDDEN = "*** redacted ***";

    public static final String REDACTED_SETTINGS = "spark.redaction.regex";
    private static final String REDACTED_TEXTS = "spark.redaction.string.regex";
    private static final String REDACTED_SOURCES = "spark.sql.redaction.options.regex";

    /// The pattern of what Spark hides by default.
    private static final String SPARKS_SECRETS = "(?i)secret|password|token|access[.]?key";

    private static final String SPARKS_SOURCE_SECRETS = "(?i)url";

    /// The pattern of values in query plans, which Spark shows in its UI and in the event log.
    private static final String SECRET_TEXTS =
            "(?<=//)[^/?#\\s@]{1,500}:[^\\s@]{0,500}(?=@)|(?i)(?<=(?:password|passphrase|pwd|secret|token|sig|key)=)[^\\s&;,)]+";

    /// The pattern of the property with the command line of the driver's JVM and all its options.
    private static final String COMMAND_LINE = "^sun[.]java[.]command$";

    private static final Pattern SECRET = Pattern.compile(Redaction.SECRET_NAMES);

    /// The options of Spark's sources that are known to hold no secret.
    private static final Pattern HARMLESS_OPTION = Pattern.compile("(?i)header|sep|delimiter|quote|quoteAll|escape"
        + "|escapeQuotes|charToEscapeQuoteEscaping|comment|multiLine|lineSep|wholetext|encoding|charset|mode"
        + "|max(?:StringLen|NestingDepth|NumLen|Columns|CharsPerColumn)|compression|codec|mergeSchema"
        + "|recursiveFileLookup|pathGlobFilter|modified(?:Before|After)|basePath|(?:date|timestamp|timestampNTZ)Format"
        + "|timeZone|locale|inferSchema|enforceSchema|samplingRatio|prefersDate|preferDate|nullValue|nanValue"
        + "|positiveInf|negativeInf|emptyValue|unescapedQuoteHandling|ignore(?:Leading|Trailing)WhiteSpace"
        + "|columnNameOfCorruptRecord|allow\\w+|dropFieldIfAllNull|primitivesAsString|ignoreNullFields"
        + "|ignoreCorruptFiles|ignoreMissingFiles|datetimeRebaseMode|int96RebaseMode|rowTag|rootTag"
        + "|attributePrefix|valueTag|versionAsOf|timestampAsOf|numPartitions|fetchsize|partitionColumn"
        + "|lowerBound|upperBound|driver|parquet\\.(?:block\\.size|page\\.size|enable\\.dictionary|compression)"
        + "|orc\\.(?:compress|stripe\\.size|row\\.index\\.stride)");

    /// The settings of Spark that are known to hold no secret.
    private static final Pattern HARMLESS_SETTING = Pattern.compile("spark\\.(?:master|app\\..*|submit\\.deployMode"
            + "|executor\\.(?:cores|memory|memoryOverhead|memoryOverheadFactor|instances|heartbeatInterval)"
            + "|driver\\.(?:cores|memory|memoryOverhead|maxResultSize|host|port|bindAddress)"
            + "|sql\\.(?!catalog\\.[^.]+\\.|redaction\\.|hive\\.metastore).*"
            + "|(?:task|shuffle|memory|speculation|dynamicAllocation|scheduler|stage|locality|broadcast|files|cleaner"
            + "|excludeOnFailure|storage|rdd)\\..*"
            + "|default\\.parallelism|cores\\.max|network\\.timeout|serializer|io\\.compression\\..*|speculation"
            + "|ui\\.(?:enabled|port|showConsoleProgress)|eventLog\\.(?:enabled|dir|compress)|local\\.dir"
            + "|metrics\\.namespace|plugins|jars|jars\\.packages"
            + "|hadoop\\.(?:fs\\.s3a\\.(?:endpoint(?:\\.region)?|path\\.style\\.access|connection\\.ssl\\.enabled"
            + "|connection\\.maximum|threads\\.max|multipart\\.size|block\\.size|committer\\.name"
            + "|aws\\.credentials\\.provider)|fs\\.defaultFS|parquet\\.block\\.size))");

    private static final int LONGEST = 4_000;
    private static final int ROUNDS = 100_000;
    private static final int HASH_BITS = 128;

    private final Pattern sparks;

    private SafeOptions(Pattern sparks) {
        this.sparks = sparks;
    }

    /// @param given the pattern of what Spark is to hide, from `--conf`
    public static SafeOptions of(@Nullable String given) {
        return new SafeOptions(
                Pattern.compile(given == null ? new SparkConf().get(REDACTED_SETTINGS, SPARKS_SECRETS) : given));
    }

    /// Returns the values of options as a person may see them.
    ///
    /// @param values the given or default values, by option
    public Map<String, Object> shown(Map<String, Object> values) {
        return all(values, SafeOptions::shown, this::shown);
    }

    /// Returns the values of options for the identity of a run. A hidden value is represented by a hash from which
    /// it is slow to guess, and a secret is left out, so that a run can be continued with another password.
    public Map<String, Object> identifying(Map<String, Object> values) {
        return all(values, SafeOptions::identifying, this::identifying);
    }

    /// Returns a text as it may be shown.
    public static String shown(String text) {
        String shown = Redaction.of(text);
        return shown.length() <= LONGEST
                ? shown
                : "%s… (%,d characters)".formatted(shown.substring(0, LONGEST), text.length());
    }

    /// Returns a text for the identity of a run.
    public static String identifying(String text) {
        String shown = Redaction.of(text);
        return shown.equals(text) ? text : "%s (%s)".formatted(shown, hash("", text));
    }

    private String shown(String key, String value) {
        return isHidden(key, value) ? HIDDEN : shown(value);
    }

    private String identifying(String key, String value) {
        if (!isHidden(key, value)) {
            return identifying(value);
        }
        return isSecret(key) ? HIDDEN : "%s (%s)".formatted(HIDDEN, hash(key, Redaction.of(value)));
    }

    private boolean isHidden(String key, String value) {
        boolean harmless = HARMLESS_OPTION.matcher(key).matches()
                || HARMLESS_SETTING.matcher(key).matches();
        return !harmless || isSecret(key) || isSecret(value);
    }

    private boolean isSecret(String text) {
        return SECRET.matcher(text).find() || sparks.matcher(text).find();
    }

    private static String hash(String key, String value) {
        try {
            PBEKeySpec spec = new PBEKeySpec(
                    ("=" + value).toCharArray(),
                    ("spark-qwen " + key).getBytes(StandardCharsets.UTF_8),
                    ROUNDS,
                    HASH_BITS);
            return HexFormat.of()
                    .formatHex(SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                            .generateSecret(spec)
                            .getEncoded());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }

    /// Formats a setting of a map of options.
    private interface Setting {
        String of(String key, String value);
    }

    private static Map<String, Object> all(Map<String, Object> values, UnaryOperator<String> text, Setting setting) {
        Map<String, Object> options = new LinkedHashMap<>();
        values.forEach((name, value) -> options.put(name, value(value, text, setting)));
        return options;
    }

    private static @Nullable Object value(@Nullable Object value, UnaryOperator<String> text, Setting setting) {
        return switch (value) {
            case null -> null;
            case Number number -> number;
            case Boolean flag -> flag;
            case List<?> list -> {
                List<String> texts = new ArrayList<>();
                list.forEach(item -> texts.add(text.apply(String.valueOf(item))));
                yield texts;
            }
            case Map<?, ?> map -> {
                Map<String, String> texts = new LinkedHashMap<>();
                map.forEach((key, item) -> texts.put(
                        text.apply(String.valueOf(key)), setting.of(String.valueOf(key), String.valueOf(item))));
                yield texts;
            }
            case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
            default -> text.apply(value.toString());
        };
    }

    /// Makes Spark hide in its UI and its event log what is hidden here, in addition to what it hides by default.
    public static void extendRedaction(SparkConf conf, RunSettings run) {
        SafeOptions safe = of(conf.get(REDACTED_SETTINGS, SPARKS_SECRETS));
        StringBuilder settings =
                new StringBuilder(Redaction.SECRET_WORDS).append('|').append(COMMAND_LINE);
        run.conf().forEach((key, value) -> {
            // Spark's own redaction settings and harmless settings may be seen.
            if (!key.startsWith("spark.redaction.") && safe.isHidden(key, value)) {
                settings.append("|^").append(Pattern.quote(key)).append('$');
                if (key.startsWith("spark.hadoop.")) {
                    settings.append("|^")
                            .append(Pattern.quote(key.substring("spark.hadoop.".length())))
                            .append('$');
                }
            }
        });
        StringBuilder sources = new StringBuilder(Redaction.SECRET_NAMES);
        run.input().options().forEach((key, value) -> {
            if (safe.isHidden(key, value)) {
                sources.append("|(?i:^").append(Pattern.quote(key)).append("$)");
            }
        });
        extend(conf, REDACTED_SETTINGS, SPARKS_SECRETS, settings.toString());
        extend(conf, REDACTED_SOURCES, SPARKS_SOURCE_SECRETS, sources.toString());
        extend(conf, REDACTED_TEXTS, "", SECRET_TEXTS);
    }

    private static void extend(SparkConf conf, String key, String byDefault, String more) {
        String before = conf.get(key, byDefault);
        conf.set(key, before.isEmpty() ? more : "(?:%s)|(?:%s)".formatted(before, more));
    }
}
