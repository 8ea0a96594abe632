# Installs @@NAME@@ @@VERSION@@ on Windows, without administrator rights: downloads the package for this machine, compares its
# SHA-256 with the one that is written below, and puts the programs into a folder, by default .local\bin in the home folder.
#
#   powershell -ExecutionPolicy Bypass -File install.ps1 [-To DIR]
#
# Made by larder. It works with Windows PowerShell 5.1 and later.
param([string]$To = '')

# All of it is in a function that the last line calls, so that a script that arrives cut off does nothing.
function Install-LarderPackage([string]$To) {
    $ErrorActionPreference = 'Stop'
    # The bar makes downloads slow in Windows PowerShell.
    $ProgressPreference = 'SilentlyContinue'
    $packages = @{
@@PACKAGES@@
    }
    $released = '@@PLATFORMS@@'
    if ($env:OS -ne 'Windows_NT') {
        throw '@@NAME@@: install.ps1 is for Windows; use install.sh on this system'
    }
    $machine = $env:PROCESSOR_ARCHITECTURE
    if ($env:PROCESSOR_ARCHITEW6432) { $machine = $env:PROCESSOR_ARCHITEW6432 }
    # Windows runs the programs of older processors, too.
    switch ($machine) {
        'ARM64' { $architectures = @('arm64', 'amd64', '386') }
        'AMD64' { $architectures = @('amd64', '386') }
        'x86' { $architectures = @('386') }
        default { $architectures = @() }
    }
    $platform = $null
    foreach ($architecture in $architectures) {
        foreach ($end in @('', '-gnu', '-musl')) {
            $name = 'windows-' + $architecture + $end
            if (-not $platform -and $packages.ContainsKey($name)) { $platform = $name }
        }
    }
    if (-not $platform) {
        throw ('@@NAME@@ @@VERSION@@ is not released for this machine (Windows, ' + $machine + '); it is released for: ' + $released)
    }
    $package = $packages[$platform]
    $uri = [Uri]$package.Url
    if ($uri.Scheme -ne 'https' -and -not $uri.IsLoopback) { throw ($package.Url + ' is no https url') }

    if (-not $To) { $To = [IO.Path]::Combine($HOME, '.local', 'bin') }
    $To = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($To)
    # The files are made beside the old ones, so that each takes its place by one move.
    [void][IO.Directory]::CreateDirectory($To)
    $work = [IO.Path]::Combine($To, '.@@NAME@@-' + [Guid]::NewGuid().ToString('N'))
    $new = [IO.Path]::Combine($work, 'new')
    $old = [IO.Path]::Combine($work, 'old')
    [void][IO.Directory]::CreateDirectory($new)
    [void][IO.Directory]::CreateDirectory($old)
    try {
        $file = [IO.Path]::Combine($work, 'package.' + $package.Format)
        Write-Host ('downloading ' + $package.Url)
        [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
        for ($try = 1; ; $try++) {
            try {
                Invoke-WebRequest -Uri $package.Url -OutFile $file -UseBasicParsing
                break
            } catch {
                if ($try -eq 4) { throw ('cannot download ' + $package.Url + ': ' + $_.Exception.Message) }
                Start-Sleep -Seconds $try
            }
        }
        $actual = (Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash.ToLowerInvariant()
        if ($actual -ne $package.Sha256) {
            throw ($package.Url + ' has the SHA-256 ' + $actual + ', but ' + $package.Sha256 + ' is expected; nothing was installed')
        }
        if ($package.Format -eq 'zip') {
            Expand-Archive -LiteralPath $file -DestinationPath $new
        } else {
            & tar.exe -xf $file -C $new
            if ($LASTEXITCODE -ne 0) { throw ('cannot unpack ' + $package.Url + ' with tar') }
        }
        foreach ($program in $package.Programs) {
            if (-not [IO.File]::Exists([IO.Path]::Combine($new, $program))) {
                throw ($package.Url + ' does not have ' + $program + '; nothing was installed')
            }
            if ([IO.Directory]::Exists([IO.Path]::Combine($To, $program))) {
                throw ($program + ' is a folder in ' + $To + '; nothing was installed')
            }
        }
        # A program that runs can't be overwritten, but it can be moved.
        $kept = @()
        $placed = @()
        try {
            foreach ($program in $package.Programs) {
                $target = [IO.Path]::Combine($To, $program)
                if ([IO.File]::Exists($target)) {
                    [IO.File]::Move($target, [IO.Path]::Combine($old, $program))
                    $kept += $program
                }
                [IO.File]::Move([IO.Path]::Combine($new, $program), $target)
                $placed += $program
            }
        } catch {
            foreach ($program in $placed) { [IO.File]::Delete([IO.Path]::Combine($To, $program)) }
            foreach ($program in $kept) {
                [IO.File]::Move([IO.Path]::Combine($old, $program), [IO.Path]::Combine($To, $program))
            }
            throw
        }
    } finally {
        Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
    }
    Write-Host ('installed @@NAME@@ @@VERSION@@ (' + $platform + ') in ' + $To)
    if (($env:Path -split ';') -notcontains $To) {
        Write-Host '  note: this folder is not on PATH. To add it for this user:'
        Write-Host ("    [Environment]::SetEnvironmentVariable('Path', [Environment]::GetEnvironmentVariable('Path', 'User') + ';" + $To.Replace("'", "''") + "', 'User')")
    }
@@POST@@
}

Install-LarderPackage -To $To
