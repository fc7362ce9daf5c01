#!/usr/bin/env php
<?php
// Plays Nextcloud's occ with Talk's commands. The lists are in config/state.json; state "fail"
// names a command that fails once. Each call is added to config/calls.
$config = getenv('NEXTCLOUD_CONFIG_DIR') ?: __DIR__ . '/config';
$owner = fileowner($config . '/config.php');
if (posix_getuid() !== $owner) {
    echo "Console has to be executed with the user that owns the file config/config.php\n";
    echo 'Current user id: ' . posix_getuid() . "\nOwner id of config.php: $owner\n";
    exit(1);
}
$file = $config . '/state.json';
$state = json_decode(file_get_contents($file), true);
$words = array_slice($argv, 1);
$groups = posix_getgroups();
file_put_contents($config . '/calls', json_encode([posix_getuid(), $groups, $words]) . "\n",
                  FILE_APPEND);
if (!in_array('--no-warnings', $words)) {
    echo "The process control (PCNTL) extensions are required in case you want to interrupt\n";
}

// As Symfony's Console reads a line: a value that begins with a dash needs the equals sign.
$arguments = $options = [];
for ($only = false; $words;) {
    $word = array_shift($words);
    if ($only || !str_starts_with($word, '-')) {
        $arguments[] = $word;
    } elseif ($word === '--') {
        $only = true;
    } elseif (str_contains($word, '=')) {
        [$name, $options[$name]] = explode('=', $word, 2);
    } elseif ($word === '--secret') {
        $next = $words[0] ?? '';
        $options[$word] = str_starts_with($next, '-') ? null : array_shift($words);
    } else {
        $options[$word] = true;
    }
}
$command = array_shift($arguments);

function fail(string $text): never
{
    echo $text . "\n";
    exit(1);
}

function save(): void
{
    global $file, $state;
    file_put_contents($file, json_encode($state));
}

function show(array $list): void
{
    global $options;
    if (($options['--output'] ?? 'plain') === 'json') {
        echo json_encode($list) . "\n";
        return;
    }
    foreach ($list as $i => $one) {
        echo "  - $i: " . (is_array($one) ? implode(' ', $one) : $one) . "\n";
    }
}

if (($state['fail'] ?? null) === $command) {
    unset($state['fail']);
    save();
    fail('Exception: the database is locked, ' . ($options['--secret'] ?? ''));
}
switch ($command) {
    case 'talk:turn:list':
        echo $state['noise'] ?? '';
        show($state['turn']);
        break;
    case 'talk:stun:list':
        show($state['stun']);
        break;
    case 'talk:signaling:list':
        show($state['signaling']);
        break;
    case 'talk:turn:add':
        if (count($arguments) !== 3) {
            fail('Not enough arguments (missing: "schemes").');
        }
        [$schemes, $server, $protocols] = $arguments;
        $secret = $options['--secret'] ?? '';
        if (!in_array($schemes, ['turn', 'turns', 'turn,turns'])
            || !in_array($protocols, ['tcp', 'udp', 'udp,tcp'])) {
            fail('Not allowed schemes or protocols.');
        }
        if (trim($secret) === '') {
            fail('Secret cannot be empty.');
        }
        foreach ($state['turn'] as $one) {
            if ([$one['schemes'] ?? 'turn', $one['server'], $one['protocols']] === $arguments) {
                fail('Server already exists with the same configuration.');
            }
        }
        $state['turn'][] = ['schemes' => $schemes, 'server' => $server, 'secret' => $secret,
                            'protocols' => $protocols];
        save();
        echo "Added $server.\n";
        break;
    case 'talk:turn:delete':
        $before = count($state['turn']);
        $state['turn'] = array_values(array_filter($state['turn'], fn ($one) =>
            [$one['schemes'] ?? 'turn', $one['server'], $one['protocols']] !== $arguments));
        save();
        echo $before > count($state['turn']) ? "Deleted $arguments[1].\n"
                                             : "There is nothing to delete.\n";
        break;
    case 'talk:stun:add':
        if (empty(parse_url($arguments[0], PHP_URL_HOST))
            || empty(parse_url($arguments[0], PHP_URL_PORT))) {
            fail('Incorrect value. Must be stunserver:port.');
        }
        if (in_array($arguments[0], $state['stun'])) {
            fail('Server already exists.');
        }
        $state['stun'][] = $arguments[0];
        save();
        echo "Added $arguments[0].\n";
        break;
    default:
        fail("There are no commands defined in the \"$command\" namespace.");
}
